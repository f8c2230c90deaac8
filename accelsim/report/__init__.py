"""Figures and the self-contained HTML report: data for a figure in one function, its drawing in another."""
