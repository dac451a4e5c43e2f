"""Lock-step: a wallet and an oracle are led through the same life, and must agree after every step.

The oracle is usually the *shadow purse*: the executable specification itself, which is given whatever the
wallet drew at random. So any input in any state has an expected result.

- `oracle`: what stands beside the wallet, as a protocol; `shadow` is the one of the specification, on the
  memory of `ledger`, making the `choices` that the wallet made;
- `steps`: what can happen, as data that says itself in words; `faults`: what can be wrong with a message;
- `peer`: the tester's purses in their sessions with one of both; `driver`: both in lock-step, and the first
  difference; `drawing`: lives drawn at random, made short if they fail; `covering`: pairwise rows.
"""
