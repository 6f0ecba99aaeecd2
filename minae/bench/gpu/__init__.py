"""`minae bench --device cuda`: kernels and training steps on a GPU, against NVIDIA's libraries.

    machine      all that is asked of CUDA: arrays, time, cuBLAS, what the GPU is
    race         contenders: whether they are right, their times in turns, ratios, the roofline
    matmul       the ladder of matrix products, and the products of autoencoders
    convolution  convolutions and their gradients
    steps        kernel launches, and training steps
    report       measures all of these, prints tables and writes the results

A section of the report is made of rows, each measured by a call of its own. If one fails, its error
is recorded and the others go on; if time runs out, the rows that are left are listed.
"""
