"""Contracts as tests: what an extension must keep to, in classes that its own test suite can inherit."""
