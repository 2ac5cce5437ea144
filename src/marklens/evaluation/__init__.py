"""How good a search is: metrics, protocols, the loop that measures, and the report."""
