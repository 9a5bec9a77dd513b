run ->(env) { [200, { "content-type" => "text/plain" }, ["rack v1 #{env["PATH_INFO"]}"]] }
