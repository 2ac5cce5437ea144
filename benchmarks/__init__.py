"""What docs/benchmarks.md reports is measured by these scripts; each prints a table and can write JSON."""
