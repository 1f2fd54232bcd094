//go:build !linux

package main

import "errors"

var errNoNamespaces = errors.New("network namespaces exist on Linux only")

func startIsolated(string, string) (*isolated, error) { return nil, errNoNamespaces }

func isolatedChild(string, string, string) error { return errNoNamespaces }
