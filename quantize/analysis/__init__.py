"""What a fixed-point network lost, where, and what it can hold. Nothing here prints."""
