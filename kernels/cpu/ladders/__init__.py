"""The ladder on the CPU: products that compute the same, each rung one idea faster than the last.

matmul  from three plain loops to the product that every kernel calls
limit   what a core can do at best, to compare them with
"""
