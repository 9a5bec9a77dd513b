<?php
require __DIR__ . "/../vendor/autoload.php";
echo (new App\Kernel())->answer(strtok($_SERVER["REQUEST_URI"], "?"));
