"""Cut data into parts, and fit their kind to the training part."""
