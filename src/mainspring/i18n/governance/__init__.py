"""Words of the checker and the advisor, in the form of the console's: one table a room, three languages side by side."""
