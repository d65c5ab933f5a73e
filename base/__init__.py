"""What everything stands on and that knows nobody: files, tables, pictures, progress."""
