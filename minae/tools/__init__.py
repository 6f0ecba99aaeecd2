"""What commands do beside training: each tool does its work and prints what came of it."""
