process.stderr.write("checked\n");
