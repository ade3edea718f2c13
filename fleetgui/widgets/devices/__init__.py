"""The devices page: the table over the whole registry with its filter, columns, groups, marks and views."""
