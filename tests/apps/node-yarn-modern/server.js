const express = require("express");

const app = express();
app.get("/", (request, response) => response.send("modern yarn v1"));
app.listen(process.env.PORT);
