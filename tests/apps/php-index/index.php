<?php
echo "php v1";
