require "socket"

# Answers each request with one text.
module Tinyserve
  def self.run(text)
    server = TCPServer.new("0.0.0.0", Integer(ENV.fetch("PORT")))
    loop do
      client = server.accept
      client.gets
      client.write("HTTP/1.1 200 OK\r\nContent-Length: #{text.bytesize}\r\nConnection: close\r\n\r\n#{text}")
      client.close
    end
  end
end
