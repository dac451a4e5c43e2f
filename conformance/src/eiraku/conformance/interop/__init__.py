"""Two wallets meet: each pair of makes in all roles, over a line that fails, and money through all."""
