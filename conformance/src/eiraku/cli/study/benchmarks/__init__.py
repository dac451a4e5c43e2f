"""What the reference costs.

Work and primitives are sampled in turn (`sampling`), in processor time of both purses together, in one
process. "memory": purse memories in RAM; "disk": on the disk, each commit point synchronised. Ratios above 1
are what encoding, checking, bookkeeping and storage add.
"""
