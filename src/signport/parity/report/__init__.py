"""What people read of a parity report: HTML, Markdown, JUnit, and two reports side by side."""
