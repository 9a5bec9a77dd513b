console.log("made by node");
