"""The signed statement on a wallet: `content` from a run, `envelope` around it, `inputs` that it needs."""
