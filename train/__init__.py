"""Models of the LeNet era, the data they learn from, and the loop that trains them."""
