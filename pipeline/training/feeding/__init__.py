"""How examples come from the disk to the network: kept in memory, decoded anew, or in segments."""
