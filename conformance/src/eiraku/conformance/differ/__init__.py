"""Two wallets in lock-step: the same is asked of both, and each difference in what they do is shown.

There is no oracle: one of both is at fault, or the specification leaves open what it should not.
"""
