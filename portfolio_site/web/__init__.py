"""The front hall: home page, dashboard composition, help, error pages."""
