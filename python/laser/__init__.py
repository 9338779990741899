"""LASER: linear compression in wireless distributed optimization.

Figures are drawn by ``laser.figures`` (``python -m laser.figures SUMMARY_JSON FOLDER``).
"""
