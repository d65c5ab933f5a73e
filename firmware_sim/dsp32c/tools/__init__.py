"""For people with programs of their own: debugging, S-records, conformance vectors."""
