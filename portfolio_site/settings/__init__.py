"""The frame: settings by concern. Choose one with DJANGO_SETTINGS_MODULE: `.dev` (quick start), `.prod`, `.test`."""
