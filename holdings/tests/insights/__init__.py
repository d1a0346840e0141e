"""The pages of performance, allocation, income, realised gains, risk and explanations."""
