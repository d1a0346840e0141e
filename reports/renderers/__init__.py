"""The print shop's machines: frozen data in, bytes of a PDF or an Excel file out.

Pure: no Django, no clock, no database, no network. What a report shows is collected beforehand (``reports.kinds``) into the
dataclasses of :mod:`reports.renderers.data`; everything here can be run and tested with plain Python.
"""
