"""The same cases run by awslambdaric 4.2.2 and by rapid_client, as real processes, and compared."""
