"""The ladders: kernels that compute the same, each rung one idea faster than the one before.

matmul       from one thread per entry to tiles that are fetched while others are multiplied
gemm         its last two rungs, which are what runs: made for tiles and layouts on `pipeline`,
             and chosen by `product`
convolution  from one thread per entry to gathering patches while others are multiplied; its
             kernels are in `convolution_direct`, `convolution_gather` and
             `convolution_dweight`, what they look up in `convolution_tables`
"""
