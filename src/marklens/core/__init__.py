"""The ground floor: the words of the house, its errors, its files and its pictures."""
