<?php
namespace Greeting;

class Text
{
    public const HELLO = "php package v1";
}
