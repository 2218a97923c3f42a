module github.com/hev/layer/conformance/drivers/go

go 1.22

require github.com/hev/layer/clients/go v0.0.0

replace github.com/hev/layer/clients/go => ../../../clients/go
