"""A day that was lived, told to its owner: a table, a strip in the terminal and a picture."""
