"""Tests, one folder for each package; programs/ and golden/ hold what they are held against."""
