"""Reading files of labelled rows: lines, tables, cells, columns, labels."""
