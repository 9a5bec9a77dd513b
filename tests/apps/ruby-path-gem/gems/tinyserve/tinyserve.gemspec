Gem::Specification.new do |spec|
  spec.name = "tinyserve"
  spec.version = "1.0.0"
  spec.summary = "Serves one text"
  spec.authors = ["Ada"]
  spec.files = ["lib/tinyserve.rb"]
  spec.bindir = "exe"
  spec.executables = ["tinyserve"]
end
