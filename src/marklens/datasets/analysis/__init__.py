"""What a dataset holds: pictures measured one by one, metadata counted, duplicates grouped, all resumable."""
