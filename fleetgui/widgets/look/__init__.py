"""How everything looks: colours, fonts, the marks of states, the style sheet. Only this package names a colour."""
