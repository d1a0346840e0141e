"""What the books say about a period: performance, allocation, income, realised gains, risk, and where each figure comes from."""
