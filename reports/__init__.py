"""The print shop: reports on paper (PDF) and for the spreadsheet (Excel), made by background jobs."""
