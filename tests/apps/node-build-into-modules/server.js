const express = require("express");
const { text } = require(".made/client");
express().get("/", (request, response) => response.send(text)).listen(process.env.PORT);
