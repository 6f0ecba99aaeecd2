"""`minae bench --device cuda`: kernels and training steps on a GPU, against NVIDIA's libraries.

A section of the report is made of rows, each measured by a call of its own. If one fails, its error
is recorded and the others go on; if time runs out, the rows that are left are listed.
"""
