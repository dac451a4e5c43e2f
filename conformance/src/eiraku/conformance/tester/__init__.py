"""The suite's own side: a small world of centres and purses, and a peer that can be told to misbehave.

The world plays the centres, the channel and every purse but the wallet under test. It is built from the
reference, so that a correct message is made in one place, and altered at named points.
"""
