<?php
namespace App;

class Kernel
{
    public function answer(string $path): string
    {
        return mb_strtolower("PHP FRONT V1 ") . $path;
    }
}
