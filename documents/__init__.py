"""The cellar: private files. Sniffed, hashed, owned, on S3 or local disk, behind expiring links."""
