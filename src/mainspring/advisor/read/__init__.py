"""Reading one file: text to facts. What a file says is found here once; what it means beside other files is `project`'s business."""
