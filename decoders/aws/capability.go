package aws

import (
	_ "embed"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/decoders/aws/table"
)

//go:embed capabilities.yaml
var capabilitiesYAML []byte

// capabilities maps IAM resource types to the portable nouns.
type capabilities map[string]string

func readCapabilities() (capabilities, error) {
	var c capabilities
	if err := yaml.Unmarshal(capabilitiesYAML, &c); err != nil {
		return nil, fmt.Errorf("reading capabilities.yaml: %w", err)
	}
	return c, nil
}

// of names the capability of the given resource type, else of the service.
func (c capabilities) of(resourceType string, s *table.Service) string {
	if name, ok := c[resourceType]; ok {
		return name
	}
	prefix, _ := splitType(resourceType)
	if name, ok := c[prefix+":*"]; ok {
		return name
	}
	if s == nil {
		return "aws.unknown"
	}
	for _, p := range s.IAMPrefixes {
		if name, ok := c[p+":*"]; ok {
			return name
		}
	}
	return "aws." + s.Name
}
