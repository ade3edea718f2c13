"""The fleet written to files. Knows neither Qt nor the network; file work is blocking and belongs in a thread."""
