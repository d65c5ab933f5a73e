"""The simulator: the definition of the machine, and the engine that equals it."""
