"""What is plotted: lag over its bands, and who was refused, went and came, on one time axis."""
